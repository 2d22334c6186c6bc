"""What the queue compares faces by: their signatures, their photos and who is on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from labelkit.store.part import Part, chunks
from labelkit.store.tables import faces, images, signatures


class SignatureCalls(Part):
    """The part of `Store` about what faces look like."""

    def likeness(self, face_ids: Iterable[int]) -> dict[int, tuple[str | None, bytes | None]]:
        """Who is on the photo of each face, and the face's signature; None where it is not known."""
        found: dict[int, tuple[str | None, bytes | None]] = {}
        with self._database.read() as connection:
            for chunk in chunks(face_ids):
                query = (
                    select(faces.c.id, images.c.person, signatures.c.signature)
                    .join(images, images.c.id == faces.c.image_id)
                    .outerjoin(signatures, signatures.c.face_id == faces.c.id)
                    .where(faces.c.id.in_(chunk))
                )
                found.update((row.id, (row.person, row.signature)) for row in connection.execute(query))
        return found


def put_signatures(connection: Connection, made: Mapping[int, bytes | None]) -> None:
    """Note what faces look like, by their ids; of one without a signature nothing is changed."""
    rows = [{"face_id": face_id, "signature": one} for face_id, one in made.items() if one is not None]
    if rows:
        query = insert(signatures)
        renewed = {"signature": query.excluded.signature}
        connection.execute(query.on_conflict_do_update(["face_id"], set_=renewed), rows)
