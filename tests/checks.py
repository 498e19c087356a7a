"""`@checks(f, g)` on a test says which public functions it proves; `tests/test_meta.py` fails on one that no test names."""

PROVED = {}      # public object -> names of the tests that prove it


def checks(*proved):
    """Mark a test as a proof of the given public functions or classes."""
    def mark(test):
        for target in proved:
            PROVED.setdefault(target, []).append(f"{test.__module__}.{test.__qualname__}")
        return test
    return mark
