"""Whoever guesses waits; nobody is kept out for ever, and nobody by somebody else's guesses."""

from __future__ import annotations

from labelkit.app.attempts import FORGET, FREE_BY_ADDRESS, FREE_BY_NAME, LONGEST, Attempts


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def guess(attempts: Attempts, times: int, address: str = "1.2.3.4", name: str = "ann") -> float:
    """The wait after so many attempts, each made as soon as it may be."""
    clock = attempts._clock
    assert isinstance(clock, Clock)
    for _ in range(times):
        while wait := attempts.begin(address, name):
            clock.now += wait
    return attempts.begin(address, name)


def test_the_first_few_are_free_and_then_it_takes_longer_and_longer() -> None:
    attempts = Attempts(Clock())
    assert guess(attempts, FREE_BY_ADDRESS - 1) == 0
    waits = [guess(attempts, 1) for _ in range(9)]
    assert waits == sorted(waits)
    assert waits[0] > 0
    assert waits[-1] == LONGEST


def test_a_hundred_at_once_are_a_hundred() -> None:
    attempts = Attempts(Clock())
    assert [attempts.begin("1.2.3.4", "ann") for _ in range(100)].count(0) == FREE_BY_ADDRESS


def test_asking_while_one_has_to_wait_makes_nothing_longer() -> None:
    attempts = Attempts(Clock())
    first = guess(attempts, FREE_BY_ADDRESS)
    assert [attempts.begin("1.2.3.4", "ann") for _ in range(50)] == [first] * 50


def test_a_name_that_is_guessed_from_everywhere_is_slow_for_strangers_only() -> None:
    attempts = Attempts(Clock())
    for number in range(FREE_BY_NAME):
        attempts.begin(f"10.0.0.{number}", "ann")
    assert attempts.begin("9.9.9.9", "ann") > 0
    assert attempts.begin("9.9.9.9", "ben") == 0
    assert attempts.begin("10.0.0.1", "ann", "token of her browser") == 0


def test_other_addresses_of_one_machine_are_one() -> None:
    attempts = Attempts(Clock())
    for number in range(FREE_BY_ADDRESS):
        assert attempts.begin(f"2001:db8::{number + 1}", f"name {number}") == 0
    assert attempts.begin("2001:db8::ffff", "another") > 0
    assert attempts.begin("2001:db8:1::1", "another") == 0


def test_the_right_password_and_time_make_good() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    attempts.begin("1.2.3.4", "ann")
    attempts.accept("1.2.3.4", "ann")
    assert guess(attempts, FREE_BY_ADDRESS - 1) == 0
    assert guess(attempts, 3) > 0
    clock.now += FORGET + 1
    assert attempts.begin("1.2.3.4", "ann") == 0
