"""Seeds belong to jobs."""

from densnet.seeds import seed


def test_seeds_belong_to_jobs():
    assert seed(1, "md", 0) == seed(1, "md", 0)
    assert len({seed(1, "md", 0), seed(1, "md", 1), seed(2, "md", 0)}) == 3
