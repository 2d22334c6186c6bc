from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from labelkit.errors import BoxError, InputError
from labelkit.geometry import (
    PLANE_IOD,
    Array,
    Box,
    Crop,
    Similarity,
    ellipse_radius,
    ellipses,
    flip_points,
    freeze,
    iou_matrix,
    procrustes_mean,
    resize_points,
    tight_box,
)

coordinate = st.floats(-2000, 2000)
pixels = arrays(np.float64, st.tuples(st.integers(1, 12), st.just(2)), elements=coordinate)
plane_points = arrays(np.float64, st.tuples(st.integers(1, 12), st.just(2)), elements=st.floats(-1.5, 1.5))
seeds = st.integers(0, 2**32 - 1)
widths = st.integers(1, 4000)


@st.composite
def similarities(draw: st.DrawFn) -> Similarity:
    scale, angle = draw(st.floats(0.01, 1000)), draw(st.floats(-math.pi, math.pi))
    a, b = scale * math.cos(angle), scale * math.sin(angle)
    return Similarity(a, b, draw(coordinate), draw(coordinate))


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    x0, y0 = draw(coordinate), draw(coordinate)
    return Box(x0, y0, x0 + draw(st.floats(0.5, 900)), y0 + draw(st.floats(0.5, 900)))


crops = similarities().map(Crop)


def shape(seed: int, count: int = 12) -> Array:
    """Points in general position, unlike hypothesis' own arrays, which like to coincide."""
    return np.random.default_rng(seed).normal(size=(count, 2))


def spread(seed: int) -> Array:
    """A covariance matrix that is not degenerate, (2, 2)."""
    root = np.random.default_rng(seed).normal(size=(2, 2))
    return root @ root.T + 0.1 * np.eye(2)


def close(actual: Array, expected: Array, scale: float = 1.0) -> None:
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-7 * max(scale, 1))


class TestPixels:
    @given(pixels, st.floats(0.05, 20))
    def test_resizing_there_and_back(self, points: Array, factor: float) -> None:
        close(resize_points(resize_points(points, factor), 1 / factor), points)

    @given(widths, st.floats(0.05, 20))
    def test_resizing_keeps_the_borders_of_the_image(self, width: int, factor: float) -> None:
        close(resize_points([[-0.5, width - 0.5]], factor), np.array([[-0.5, width * factor - 0.5]]), 1e4)

    def test_resizing_agrees_with_how_pictures_are_resized(self) -> None:
        ramp = np.tile(np.arange(64, dtype=np.float32), (8, 1))
        small = cv2.resize(ramp, (16, 2), interpolation=cv2.INTER_AREA)
        # Pixel 5 of the small picture shows what lies around p: there the ramp's value is p itself.
        assert resize_points([small[0, 5], 0.0], 1 / 4)[0] == pytest.approx(5)

    @given(pixels, widths)
    def test_flipping_twice_changes_nothing(self, points: Array, width: int) -> None:
        close(flip_points(flip_points(points, width), width), points)

    @given(widths, st.data())
    def test_flipping_agrees_with_the_mirrored_picture(self, width: int, data: st.DataObject) -> None:
        column = data.draw(st.integers(0, width - 1))
        row = np.arange(width)
        assert row[::-1][int(flip_points([column, 0], width)[0])] == column

    def test_flipping_leaves_its_argument_alone(self) -> None:
        points = np.array([[1.0, 2.0]])
        flip_points(points, 10)
        assert points.tolist() == [[1, 2]]

    def test_freezing_copies_and_locks(self) -> None:
        source = np.zeros((2, 2))
        frozen = freeze(source)
        source[0, 0] = 1
        assert frozen[0, 0] == 0
        with pytest.raises(ValueError, match="read-only"):
            frozen[0, 0] = 1


class TestBox:
    def test_measures(self) -> None:
        box = Box(1, 2, 4, 8)
        assert (box.width, box.height, box.center, box.xyxy) == (3, 6, (2.5, 5), (1, 2, 4, 8))

    def test_the_tight_box_passes_over_absent_points(self) -> None:
        points = [[3, 9], [np.nan, -50], [1, 4], [7, 5], [np.nan, np.nan]]
        assert tight_box(points) == (1, 4, 7, 9)
        box = Box.around(points, "ibug68")
        assert (box.xyxy, box.kind, box.source) == ((1, 4, 7, 9), "landmarks", "ibug68")

    @pytest.mark.parametrize("points", [np.full((3, 2), np.nan), np.zeros((0, 2))])
    def test_no_points_have_no_box(self, points: Array) -> None:
        with pytest.raises(BoxError, match="no point"):
            tight_box(points)

    @pytest.mark.parametrize("corner", [(0, 0, 0, 5), (0, 0, 5, 0), (5, 0, 1, 4), (0, 5, 4, 1)])
    def test_a_box_without_area_is_refused(self, corner: tuple[float, ...]) -> None:
        with pytest.raises(BoxError, match="no area"):
            Box(*corner)

    @pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
    @pytest.mark.parametrize("place", range(4))
    def test_a_box_that_is_not_finite_is_refused(self, bad: float, place: int) -> None:
        corners = [0.0, 0.0, 1.0, 1.0]
        corners[place] = bad
        with pytest.raises(BoxError, match="not a number"):
            Box(*corners)

    @pytest.mark.parametrize(
        ("other", "expected"),
        [
            ((0, 0, 2, 2), 1.0),
            ((1, 0, 3, 2), 2 / 6),
            ((1, 1, 3, 3), 1 / 7),
            ((0.5, 0.5, 1.5, 1.5), 1 / 4),
            ((2, 0, 4, 2), 0.0),
            ((5, 5, 6, 6), 0.0),
        ],
    )
    def test_iou_by_hand(self, other: tuple[float, ...], expected: float) -> None:
        assert Box(0, 0, 2, 2).iou(Box(*other)) == pytest.approx(expected)

    @given(boxes(), boxes(), widths)
    def test_iou_is_symmetric_bounded_and_survives_mirroring(self, a: Box, b: Box, width: int) -> None:
        iou = a.iou(b)
        assert 0 <= iou <= 1 + 1e-12
        assert b.iou(a) == pytest.approx(iou)
        assert a.flipped(width).iou(b.flipped(width)) == pytest.approx(iou, abs=1e-9)

    def test_the_iou_matrix_has_a_row_per_first_box(self) -> None:
        first, second = (
            [Box(0, 0, 2, 2), Box(9, 9, 10, 10)],
            [Box(0, 0, 2, 2), Box(1, 0, 3, 2), Box(8, 8, 10, 10)],
        )
        np.testing.assert_allclose(iou_matrix(first, second), [[1, 1 / 3, 0], [0, 0, 1 / 4]])
        assert iou_matrix([], second).shape == (0, 3)
        assert iou_matrix(first, []).shape == (2, 0)

    @given(boxes(), widths)
    def test_flipping_is_an_involution_and_fits_the_mirrored_points(self, box: Box, width: int) -> None:
        x0, y0, x1, y1 = box.xyxy
        mirrored = Box.around(flip_points([[x0, y0], [x1, y1]], width))
        close(np.array(box.flipped(width).xyxy), np.array(mirrored.xyxy))
        close(np.array(box.flipped(width).flipped(width).xyxy), np.array(box.xyxy))

    def test_flipping_keeps_what_the_box_is(self) -> None:
        box = Box(0, 0, 2, 2, kind="detector", source="yunet", score=0.9).flipped(10)
        assert (box.xyxy, box.kind, box.source, box.score) == ((7, 0, 9, 2), "detector", "yunet", 0.9)


class TestSimilarity:
    def test_a_quarter_turn_by_hand(self) -> None:
        turn = Similarity(0, 2, 10, 20)
        assert turn([[1, 0], [0, 1]]).tolist() == [[10, 22], [8, 20]]
        assert (turn.scale, turn.angle) == (2, math.pi / 2)

    @given(similarities(), pixels)
    def test_the_matrix_does_what_the_call_does(self, similarity: Similarity, points: Array) -> None:
        homogeneous = np.c_[points, np.ones(len(points))]
        close(homogeneous @ similarity.matrix.T, similarity(points), similarity.scale * 2000)
        np.testing.assert_array_equal(similarity.matrix[:, :2], similarity.linear)

    @given(similarities(), pixels)
    def test_the_inverse_brings_points_back(self, similarity: Similarity, points: Array) -> None:
        reach = 2000 + 2000 / similarity.scale
        close(similarity.inverse()(similarity(points)), points, reach)
        close(similarity(similarity.inverse()(points)), points, 4000)

    @given(similarities(), similarities(), pixels)
    def test_after_applies_the_first_first(
        self, second: Similarity, first: Similarity, points: Array
    ) -> None:
        reach = second.scale * (first.scale + 1) * 2000
        close(second.after(first)(points), second(first(points)), reach)

    @given(similarities(), similarities())
    def test_scales_multiply(self, second: Similarity, first: Similarity) -> None:
        assert second.after(first).scale == pytest.approx(second.scale * first.scale)
        assert second.inverse().scale == pytest.approx(1 / second.scale)

    def test_points_of_any_leading_shape(self) -> None:
        similarity = Similarity(2, 1, 3, 4)
        points = np.arange(24.0).reshape(2, 6, 2)
        np.testing.assert_allclose(similarity(points)[1], similarity(points[1]))
        assert similarity([1, 0]).tolist() == [5, 5]

    @given(similarities(), seeds)
    def test_the_fit_recovers_an_exact_similarity(self, similarity: Similarity, seed: int) -> None:
        source = shape(seed)
        fitted = Similarity.fit(source, similarity(source))
        close(fitted.matrix, similarity.matrix, similarity.scale + 2000)

    @given(seeds, st.integers(2, 12), st.data())
    def test_absent_points_do_not_count(self, seed: int, count: int, data: st.DataObject) -> None:
        source, target = shape(seed), shape(seed + 1)
        absent = data.draw(st.permutations(range(12)))[count:]
        holes, gaps = source.copy(), target.copy()
        for i, row in enumerate(absent):
            (holes if i % 2 else gaps)[row, i % 2] = np.nan
        rest = np.delete(np.arange(12), absent)
        close(Similarity.fit(holes, gaps).matrix, Similarity.fit(source[rest], target[rest]).matrix)

    @given(seeds)
    def test_a_weight_of_three_is_the_pair_three_times(self, seed: int) -> None:
        source, target = shape(seed), shape(seed + 1)
        times = np.random.default_rng(seed).integers(0, 4, 12)
        assume((times > 0).sum() >= 2)
        repeated = np.repeat(np.arange(12), times)
        weighted = Similarity.fit(source, target, times)
        close(weighted.matrix, Similarity.fit(source[repeated], target[repeated]).matrix)
        close(weighted.matrix, Similarity.fit(source, target, 0.1 * times).matrix)

    @given(seeds, st.sampled_from(["a", "b", "tx", "ty"]), st.sampled_from([-1e-3, 1e-3]))
    def test_no_neighbour_of_the_fit_is_better(self, seed: int, what: str, step: float) -> None:
        source, target = shape(seed), shape(seed + 1)
        weights = np.random.default_rng(seed).uniform(0.1, 2, 12)
        best = Similarity.fit(source, target, weights)
        other = {"a": best.a, "b": best.b, "tx": best.tx, "ty": best.ty}
        other[what] += step

        def cost(similarity: Similarity) -> float:
            return float(weights @ ((similarity(source) - target) ** 2).sum(axis=1))

        assert cost(best) < cost(Similarity(**other))

    @pytest.mark.parametrize(
        ("source", "problem"),
        [
            ([[1, 1]], "1 are there"),
            ([[1, 1], [np.nan, 2]], "1 are there"),
            ([[0.1, 0.7]] * 5, "two different points"),
        ],
    )
    def test_too_few_points_are_refused(self, source: list[list[float]], problem: str) -> None:
        with pytest.raises(BoxError, match=problem):
            Similarity.fit(source, shape(0, len(source)))

    @pytest.mark.parametrize(
        "target", [np.full((4, 2), 0.7), np.zeros((4, 2)), [[0, 0], [0, 1], [1, 0], [1, 1]]]
    )
    def test_a_scale_of_zero_is_refused(self, target: Array) -> None:
        # All points on one, and a square turned inside out: nothing would lead back.
        with pytest.raises(BoxError, match="scale would be 0"):
            Similarity.fit([[0, 0], [1, 0], [0, 1], [1, 1]], target)


class TestCovariances:
    @given(similarities(), seeds)
    def test_they_follow_the_derivative_of_the_map(self, similarity: Similarity, seed: int) -> None:
        cov = spread(seed)
        step = np.eye(2)
        jacobian = np.column_stack([(similarity(step[i]) - similarity([0, 0])) for i in range(2)])
        close(similarity.covariances(cov), jacobian @ cov @ jacobian.T, similarity.scale * 1e4)

    def test_they_are_those_of_mapped_samples(self) -> None:
        similarity, cov = Similarity(30, -40, 5, 6), spread(1)
        samples = np.random.default_rng(0).multivariate_normal([0.1, 0.2], cov, 200_000)
        measured = np.cov(similarity(samples).T)
        np.testing.assert_allclose(
            similarity.covariances(cov), measured, rtol=0.03, atol=0.01 * measured.max()
        )

    @given(similarities(), seeds)
    def test_there_and_back(self, similarity: Similarity, seed: int) -> None:
        cov = np.stack([spread(seed), spread(seed + 1)])
        close(similarity.inverse().covariances(similarity.covariances(cov)), cov)

    @given(similarities(), seeds)
    def test_mahalanobis_distances_do_not_change(self, similarity: Similarity, seed: int) -> None:
        cov, offset = spread(seed), shape(seed, 1)[0]
        moved = similarity.linear @ offset
        before = offset @ np.linalg.solve(cov, offset)
        after = moved @ np.linalg.solve(similarity.covariances(cov), moved)
        assert after == pytest.approx(before, rel=1e-6)

    def test_a_model_without_spread_stays_without(self) -> None:
        assert np.isnan(Crop(Similarity(2, 1, 0, 0)).covariances_to_image(np.full((3, 2, 2), np.nan))).all()


class TestCrop:
    @given(crops, plane_points)
    def test_points_there_and_back(self, crop: Crop, points: Array) -> None:
        reach = 1 + 2000 / crop.pixels_per_unit
        close(crop.points_to_crop(crop.points_to_image(points)), points, reach)

    @given(boxes(), st.tuples(*[st.floats(0.2, 1)] * 4))
    def test_from_a_box_it_is_upright_and_holds_the_face(self, box: Box, sides: tuple[float, ...]) -> None:
        left, top, right, bottom = sides
        crop = Crop.from_box(box, (-left, -top, right, bottom))
        placed = Box.around(crop.points_to_image([[-left, -top], [right, bottom]]))
        assert crop.to_image.angle == 0
        close(np.array(placed.center), np.array(box.center))
        # The larger scale: one side fits exactly, the other has room.
        assert placed.width >= box.width * (1 - 1e-9)
        assert placed.height >= box.height * (1 - 1e-9)
        assert min(placed.width / box.width, placed.height / box.height) == pytest.approx(1)

    @given(crops, seeds)
    def test_from_landmarks_it_undoes_the_face_s_own_similarity(self, crop: Crop, seed: int) -> None:
        plane = shape(seed)
        found = Crop.from_landmarks(plane, crop.points_to_image(plane))
        close(found.to_image.matrix, crop.to_image.matrix, crop.pixels_per_unit + 2000)

    def test_corners_go_clockwise_from_the_top_left(self) -> None:
        assert Crop(Similarity(10, 0, 100, 50)).corners.tolist() == [[90, 40], [110, 40], [110, 60], [90, 60]]

    @given(crops, st.integers(1, 512))
    def test_crop_pixels_span_the_square_from_edge_to_edge(self, crop: Crop, size: int) -> None:
        edges = [[-0.5, -0.5], [size - 0.5, -0.5], [size - 0.5, size - 0.5], [-0.5, size - 0.5]]
        close(crop.pixel_map(size)(edges), crop.corners, crop.pixels_per_unit + 2000)

    @given(crops, st.integers(1, 512), st.sampled_from([2, 4, 16]))
    def test_a_feature_map_is_the_crop_resized(self, crop: Crop, cells: int, stride: int) -> None:
        in_crop = np.array([[0.0, 0.0], [3.25, 7.5], [cells * stride - 1.0, 0.0]])
        in_map = resize_points(in_crop, 1 / stride)
        fine, coarse = crop.pixel_map(cells * stride), crop.pixel_map(cells)
        close(coarse(in_map), fine(in_crop), crop.pixels_per_unit * 10 + 2000)

    @given(crops, st.integers(2, 512), pixels)
    def test_crop_units_and_crop_pixels_agree(self, crop: Crop, size: int, points: Array) -> None:
        units = crop.points_to_crop(points)
        in_pixels = crop.pixel_map(size).inverse()(points)
        reach = size * (1 + 4000 / crop.pixels_per_unit)
        close(in_pixels, (units + 1) * size / 2 - 0.5, reach)

    @given(st.integers(1, 300))
    def test_a_crop_of_the_whole_image_at_its_own_size_is_the_image(self, size: int) -> None:
        whole = Crop.from_box(Box(-0.5, -0.5, size - 0.5, size - 0.5), (-1, -1, 1, 1))
        close(whole.pixel_map(size).matrix, np.array([[1.0, 0, 0], [0, 1, 0]]))

    @given(crops, plane_points, widths)
    def test_the_mirrored_crop_puts_mirrored_plane_points_on_mirrored_image_points(
        self, crop: Crop, points: Array, width: int
    ) -> None:
        mirrored = crop.flipped(width).points_to_image(points * (-1, 1))
        close(mirrored, flip_points(crop.points_to_image(points), width), crop.pixels_per_unit + 4000)

    @given(crops, widths)
    def test_mirroring_twice_changes_nothing(self, crop: Crop, width: int) -> None:
        close(crop.flipped(width).flipped(width).to_image.matrix, crop.to_image.matrix, 4000)

    def test_what_the_mirrored_crop_sees_is_the_mirror_image(self) -> None:
        image = np.random.default_rng(0).uniform(size=(40, 60)).astype(np.float32)
        image = cv2.GaussianBlur(image, (0, 0), 3)
        crop = Crop(Similarity(11, 3, 31, 19))

        def seen(crop: Crop, image: Array) -> Array:
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            return np.asarray(cv2.warpAffine(image, crop.pixel_map(16).matrix, (16, 16), flags=flags))

        mirrored = seen(crop.flipped(60), np.ascontiguousarray(image[:, ::-1]))
        # OpenCV rounds where it samples to 1/32 px, hence the tolerance.
        np.testing.assert_allclose(mirrored[:, ::-1], seen(crop, image), atol=0.02)

    @given(crops, seeds, widths)
    def test_covariances_are_mirrored_with_the_crop(self, crop: Crop, seed: int, width: int) -> None:
        cov, mirror = spread(seed), np.diag([-1.0, 1.0])
        direct = mirror @ crop.covariances_to_image(cov) @ mirror
        through = crop.flipped(width).covariances_to_image(mirror @ cov @ mirror)
        close(through, direct, crop.pixels_per_unit**2)

    @given(crops, seeds)
    def test_covariances_are_carried_like_the_points(self, crop: Crop, seed: int) -> None:
        plane = shape(seed)
        close(
            crop.covariances_to_image(np.cov(plane.T)),
            np.cov(crop.points_to_image(plane).T),
            10 * crop.pixels_per_unit**2 + 2000,
        )


class TestProcrustes:
    @given(seeds)
    def test_one_shape_in_many_poses_is_its_own_mean(self, seed: int) -> None:
        rng, one = np.random.default_rng(seed), shape(seed)
        poses = [Similarity(*rng.normal(size=2), *rng.normal(size=2) * 9) for _ in range(5)]
        assume(min(pose.scale for pose in poses) > 1e-2)
        mean = procrustes_mean([pose(one) for pose in poses])
        fitted = Similarity.fit(one, mean)(one)
        close(mean, fitted)

    @given(seeds)
    def test_moving_turning_or_scaling_a_shape_changes_nothing(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        base = shape(seed)
        shapes = base + 0.1 * rng.normal(size=(6, 12, 2))
        moved = shapes.copy()
        for i in range(1, 6):
            a, b, tx, ty = rng.normal(size=4)
            assume(math.hypot(a, b) > 1e-2)
            moved[i] = Similarity(a, b, 20 * tx, 20 * ty)(shapes[i])
        np.testing.assert_allclose(procrustes_mean(moved), procrustes_mean(shapes), atol=1e-6)

    @given(seeds)
    def test_the_mean_is_centred_and_of_unit_size(self, seed: int) -> None:
        mean = procrustes_mean(shape(seed) + 0.1 * np.random.default_rng(seed).normal(size=(4, 12, 2)))
        np.testing.assert_allclose(mean.mean(axis=0), 0, atol=1e-12)
        assert (mean**2).sum() == pytest.approx(1)


def test_the_unit_of_the_plane() -> None:
    assert pytest.approx(0.38 - -0.38) == PLANE_IOD


def test_an_ellipse_lies_where_its_share_of_a_normal_distribution_ends() -> None:
    generator = np.random.default_rng(0)
    cov = np.array([[4.0, 1.5], [1.5, 1.0]])
    outline = ellipses([[10.0, 20.0]], [cov], 0.8)[0]
    offsets = outline - (10.0, 20.0)
    squares = np.einsum("ni,ij,nj->n", offsets, np.linalg.inv(cov), offsets)
    assert np.sqrt(squares) == pytest.approx(ellipse_radius(0.8))
    drawn = generator.multivariate_normal([0, 0], cov, 20_000)
    inside = np.einsum("ni,ij,nj->n", drawn, np.linalg.inv(cov), drawn) <= ellipse_radius(0.8) ** 2
    assert inside.mean() == pytest.approx(0.8, abs=0.015)


def test_ellipses_that_nobody_knows_are_not_there() -> None:
    covs = [np.full((2, 2), np.nan), -np.eye(2), np.eye(2), np.eye(2)]
    outlines = ellipses([[0, 0], [0, 0], [np.nan, 0], [0, 0]], covs, 0.5)
    assert [bool(np.isfinite(one).all()) for one in outlines] == [False, False, False, True]


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, float("nan")])
def test_no_ellipse_holds_all_or_nothing(share: float) -> None:
    with pytest.raises(InputError, match="share"):
        ellipse_radius(share)
