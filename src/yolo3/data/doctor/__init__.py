"""The doctor of data sets: finds faults that would spoil training, with place and fix, and changes nothing in them."""

from yolo3.data.doctor.examination import Examination, examine
from yolo3.data.doctor.finding import Finding, FindingKind, Severity
from yolo3.data.doctor.fixing import FIXES, fix
from yolo3.data.doctor.network import NetworkFit, ScaleFit
from yolo3.data.doctor.page import html_page
from yolo3.data.doctor.report import json_report, text_report

__all__ = [
    "FIXES",
    "Examination",
    "Finding",
    "FindingKind",
    "NetworkFit",
    "ScaleFit",
    "Severity",
    "examine",
    "fix",
    "html_page",
    "json_report",
    "text_report",
]
