"""Few-shot fine-tuning without a screen: labelled faces in, a tuned model and prelabels out.

    python examples/few_shot_on_server.py labelled/ photos/ -o out/ --scheme mine.json

``labelled`` is an annotation file or folder in any format that labelkit reads (ten faces are a good
start), ``photos`` the folder that is to be labelled; the labelled photos may lie in it or elsewhere.
It leaves the tuned model in ``out/teacher/models`` (its name is printed), the prelabels in
``out/labels.csv``, and the project ``out/project``: copy that home with the photos, and
`labelkit serve out/project` shows the faces, the most doubtful first. It runs on a GPU where there is
one, else on the CPU. Run again after a break, it labels only what is not labelled yet.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import labelkit as lk
from labelkit.prelabel.files import local_model


def tune(labelled: lk.Dataset, scheme: lk.Scheme, source: Path, out: Path, device: str) -> Path:
    """Fine-tune `base` to the labelled faces in a project of their own; returns the model's file."""
    with _project(out / "teacher", labelled.root or source, scheme) as project:
        project.import_annotations(source, author="labelled", scheme=scheme, images=labelled.root)
        report = project.fine_tune(device=device)
        for problem in report.problems:
            print(problem, file=sys.stderr)
        print(f"learnt {report.stage} from {report.faces} faces of {report.people} people")
        if report.before is not None and report.after is not None:
            print(f"error {report.before:.2f} % -> {report.after:.2f} % of the eye distance ({report.how})")
        made = local_model(project.folder, report.name)
    if made is None:
        raise lk.LabelkitError("the fine-tuning was stopped before there was a model to keep")
    print(f"the model: {made}")
    return made


def label(model: Path, scheme: lk.Scheme, photos: Path, out: Path, device: str, label_format: str) -> None:
    """Prelabel the photos by the tuned model, and write what it says."""
    with _project(out / "project", photos, scheme) as project:
        found = project.prelabel(model, device=device)
        print(f"{found.faces} faces in {found.photos} photos, nobody in {found.no_face}")
        written = project.export(label_format, out / f"labels.{label_format}", include_predicted=True)
        print(f"{written.faces} faces -> {out / f'labels.{label_format}'}")
        for number, item in enumerate(project.queue(3), start=1):
            print(f"look at this {number}.: {item.face.image} ({item.reason})")


def _project(folder: Path, images: Path, scheme: lk.Scheme) -> lk.Project:
    """The project in ``folder``, a new one where there is none."""
    if (folder / "labelkit.toml").is_file():
        project = lk.Project.open(folder)
        project.scan()
        return project
    return lk.Project.create(folder, images, scheme)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("labelled", type=Path, help="an annotation file or folder")
    parser.add_argument("photos", type=Path, help="the photos to label")
    parser.add_argument("-o", "--out", type=Path, required=True, help="a folder")
    parser.add_argument("--scheme", help="a name or .json file; by default what the labels say")
    parser.add_argument("--format", default="csv", help="of the prelabels: csv, wflw, coco, ...")
    parser.add_argument("--device", default="auto", help="auto, cuda, cuda:1, cpu, mps")
    given = parser.parse_args()
    try:
        data = lk.read(given.labelled, scheme=given.scheme)
        if data.scheme is None or not len(data):
            raise lk.LabelkitError(
                f"{given.labelled}: holds no face of a scheme that is known; name --scheme"
            )
        model = tune(data, data.scheme, given.labelled, given.out, given.device)
        label(model, data.scheme, given.photos, given.out, given.device, given.format)
    except lk.LabelkitError as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()
