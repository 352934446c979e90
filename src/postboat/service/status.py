"""The state of a run that goes on, where it is kept."""

from postboat.status import AccountStatus as AccountStatus
from postboat.status import ServiceStatus as ServiceStatus
from postboat.status import as_json as as_json
from postboat.status import learn as learn
