"""Gate drills: a good release is harmed in ways that have hurt people, and edited in ways that hurt nobody; which part
of `turnout check` stops which? Started by `make drill`."""
