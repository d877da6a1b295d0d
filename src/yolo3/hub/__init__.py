"""The Hugging Face Hub, through its own library ``huggingface_hub`` (extra ``hub``), imported when it is needed.

address.py  hf://user/name@revision
client.py   files down and files up, with errors of one line
"""

from yolo3.hub.address import HubAddress, is_hub_address

__all__ = ["HubAddress", "is_hub_address"]
