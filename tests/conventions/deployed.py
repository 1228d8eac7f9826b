"""RT-DETR with its RepVGG blocks merged, for tools that build a model by its name."""

from rtdetr import build


def r18():
    return build("rtdetr_r18").deploy()


def r50():
    return build("rtdetr_r50").deploy()
