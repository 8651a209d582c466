from rollout.errors import PolicyError, Problem


def test_a_problem_names_its_place_and_a_policy_error_lists_them_all() -> None:
    first = Problem("web.yaml", 3, 5, "waves[0].name", "must be text")
    whole = Problem("web.yaml", 0, 0, "", "is larger than 64 KiB")

    assert str(first) == "web.yaml:3:5 waves[0].name: must be text"
    assert str(whole) == "web.yaml: is larger than 64 KiB"
    assert str(PolicyError([first, whole])).splitlines() == [str(first), str(whole)]
