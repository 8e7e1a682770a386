"""Pictures to judge a capture by: an overlay video of every frame, a contact sheet of a few."""

from .contact_sheet import write_contact_sheet
from .overlay import write_overlay

__all__ = ["write_contact_sheet", "write_overlay"]
