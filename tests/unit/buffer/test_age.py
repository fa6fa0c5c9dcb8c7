from gnomon.buffer.age import AgeClock
from gnomon.testing.clock import FakeClock


def test_it_runs_with_the_wall_clock():
    clock = FakeClock()
    age = AgeClock(clock)
    clock.advance(12.5)
    assert age.now() == clock.now()


def test_it_does_not_jump_with_it():
    clock = FakeClock(1_000_000)
    age = AgeClock(clock)
    clock.jump(-500)
    clock.advance(3)
    assert age.now() == 1_003_000
    age.set()
    assert age.now() == clock.now() == 503_000
