from hypothesis import given
from hypothesis import strategies as st

from adapters.transport.backoff import delay_secs


@given(st.integers(min_value=0, max_value=10**9), st.floats(min_value=0, max_value=0.999))
def test_waits_stay_between_half_a_step_and_the_cap(attempt, jitter):
    wait = delay_secs(attempt, base_secs=0.25, cap_secs=10, jitter=jitter)
    step = min(10, 0.25 * 2 ** min(attempt, 32))
    assert step / 2 <= wait <= step


def test_waits_double_until_the_cap():
    assert [delay_secs(n, base_secs=1, cap_secs=5, jitter=1) for n in range(5)] == [1, 2, 4, 5, 5]
