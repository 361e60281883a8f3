"""stagegap in a notebook: open a project, run it, label, and look at every view as a picture or a data frame."""

from stagegap.library.agent import SKILL
from stagegap.library.agent import serve as serve_agents
from stagegap.library.project import Project, Shown, open_project

__all__ = ["SKILL", "Project", "Shown", "open_project", "serve_agents"]
