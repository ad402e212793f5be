"""Many texts answered in the background: a job belongs to its workspace, and any page finds it again."""

from backend.many.job import Job, JobSpec, State
from backend.many.jobs import AnsweringJobs
from backend.many.source import Source

__all__ = ["AnsweringJobs", "Job", "JobSpec", "Source", "State"]
