"""Who speaks: the name of this machine's user, as every word and every errand of theirs is signed with."""

import os
import pwd


def actor() -> str:
    """Give the user's name, or their number where they have none."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"user {os.geteuid()}"
