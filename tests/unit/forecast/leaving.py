"""A job for the tests of the forecaster with a real pool: it learns in a process in which a model ends that process."""

import os

from forecast.days.calendar import Calendar
from forecast.duties.jobs import Learnt, ToLearn, learn
from forecast.models import table
from forecast.models.base import Fitted
from forecast.processes.worker import Tell
from forecast.series.counts import Counts


class Leaves:
    """A model whose process is gone as soon as it learns."""

    name = "template"

    def fit(self, history: Counts, calendar: Calendar) -> Fitted:
        os._exit(7)

    def load(self, saved: bytes, calendar: Calendar) -> Fitted:
        raise NotImplementedError


def learn_where_template_leaves(task: ToLearn, tell: Tell) -> Learnt:
    """`learn` in a process in which the model `template` of slots is `Leaves`."""
    leaves = table.Line(unit="slot", name="template", where=f"{__name__}:Leaves")
    table.LINES = (leaves, *(line for line in table.LINES if (line.unit, line.name) != ("slot", "template")))
    return learn(task, tell)
