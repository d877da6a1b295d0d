"""Data sets as people have them: found by what their files hold, whatever the folders are called.

`Contents` lists a folder once. `pair` finds the image of each annotation, `find_splits` the splits and `find_names` the
class names. `FoundLayout` reads the result. Formats take part through `yolo3.data.data_format.DataFormat.find`.
"""
