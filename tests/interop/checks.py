"""Counts what passed and shows what failed."""

import traceback

FAILURES_SHOWN = 40


class Checks:
    def __init__(self):
        self.passed = self.failed = 0

    def checked(self, name, body):
        try:
            body()
            self.passed += 1
        except Exception as error:
            self.failed += 1
            if self.failed <= FAILURES_SHOWN:
                print(f"FAILED {name}: {error if isinstance(error, AssertionError) else traceback.format_exc(limit=-2)}")

    def close(self):
        """The closing line, which tests/run adds up; returns the exit code."""
        if self.failed > FAILURES_SHOWN:
            print(f"… and {self.failed - FAILURES_SHOWN} failures more")
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0


def equal(found, expected, what=""):
    if found != expected:
        raise AssertionError(f"{what}: {found!r:.300} instead of {expected!r:.300}")
