"""Small cfgs, one for each kind of head."""

NEW_COORDS = """\
[net]
width=16
height=8
channels=3
input_calibration=0,15.8,15.8
max_epochs=300

[convolutional]
batch_normalize=1
filters=4
size=3
stride=2
pad=1
activation=mish
stopbackward=800
train_only_bn=1

[convolutional]
filters=4
size=1
activation=relu

[convolutional]
filters=14
size=3
stride=2
pad=1
activation=logistic

[yolo]
mask=0,1
anchors=4,6, 9,5
classes=2
num=2
scale_x_y=2.0
new_coords=1
track_history_size=5
"""

GAUSSIAN = """\
[net]
width=16
height=16
channels=3

[convolutional]
filters=4
size=3
pad=1
activation=relu

[convolutional]
filters=4
size=3
dilation=2
pad=1
activation=swish

[sam]
from=0

[reorg3d]
stride=2

[convolutional]
batch_normalize=1
filters=6
stride=2
size=3
pad=1
activation=hard_mish

[local_avgpool]
size=2
stride=2

[batchnorm]

[convolutional]
filters=22
size=1
activation=linear

[Gaussian_yolo]
mask=0,1
anchors=4,6, 9,5
classes=2
num=2
scale_x_y=1.1
"""

REGION = """\
[net]
width=24
height=16
channels=3

[convolutional]
batch_normalize=1
filters=4
size=3
pad=1
activation=leaky

[maxpool]
size=2
stride=2

[reorg]
stride=2

[convolutional]
filters=6
size=3
stride=2
pad=1
activation=leaky

[convolutional]
filters=16
size=1
activation=linear

[region]
anchors=0.5,0.75, 1.5,1.25
classes=3
coords=4
num=2
softmax=1
thresh=0
rescore=1
bias_match=1
"""

FUSED = """\
[net]
width=16
height=16
channels=3

[convolutional]
filters=4
size=3
stride=2
pad=1
activation=leaky

[convolutional]
filters=4
size=3
stride=2
pad=1
activation=leaky

[convolutional]
filters=16
size=1
activation=linear

[route]
layers=0

[convolutional]
filters=16
size=1
activation=linear

[yolo]
mask=2,3
from=2,4
anchors=3,4, 5,6, 8,7, 12,14
classes=2
num=4

[yolo]
mask=0,1
from=2,4
anchors=3,4, 5,6, 8,7, 12,14
classes=2
num=4
"""
