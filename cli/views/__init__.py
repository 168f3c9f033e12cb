"""Views for the terminal: tables, the status of the lake, and the display of a wait."""
