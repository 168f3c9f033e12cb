"""What people see: tables, the state of the lake, waiting and what holds it up."""
