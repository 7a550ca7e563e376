"""What `pulumi up` runs."""

from bootstrap.program import build
from bootstrap.settings import settings_of_stack

build(settings_of_stack())
