"""The machine that yolo3 runs on: its files, folders, fonts, devices, memory and threads, and the packages on it.

files.py    a file written whole: it has its old contents or its new ones
folders.py  a folder of results, likewise
fonts.py    fonts that can write a text
devices.py  the device a network runs on, and the number format there
hardware.py device, processes and precision of a training
memory.py   memory that a process keeps for its next tensors
threads.py  work done ahead by threads
network.py  whether the network may be used
extras.py   the advice where a package is missing
lazy.py     names of a package that are imported when they are first used
"""
