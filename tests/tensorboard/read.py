"""Prints what TensorBoard itself reads in the event files of a directory, as JSON."""

import json
import sys

from tensorboard.backend.event_processing import plugin_event_accumulator
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.util import tensor_util

accumulator = plugin_event_accumulator.EventAccumulator(
    sys.argv[1], tensor_size_guidance={"scalars": 0, "images": 0}
)
accumulator.Reload()
read = {"scalars": {}, "images": {}, "histograms": {}, "hparams": {}}
for tag in accumulator.Tags()["tensors"]:
    plugin = accumulator.SummaryMetadata(tag).plugin_data
    events = accumulator.Tensors(tag)
    arrays = [tensor_util.make_ndarray(event.tensor_proto) for event in events]
    if plugin.plugin_name == "scalars":
        points = [
            [event.step, event.wall_time, float(array)]
            for event, array in zip(events, arrays)
        ]
        read["scalars"][tag] = points
    elif plugin.plugin_name == "images":
        # Width, height and one image.
        images = [
            [event.step, int(array[0]), int(array[1]), len(array[2])]
            for event, array in zip(events, arrays)
        ]
        read["images"][tag] = images
    elif plugin.plugin_name == "histograms":
        # Bins by lower end, upper end and count.
        counts = [[event.step, float(array[:, 2].sum())] for event, array in zip(events, arrays)]
        read["histograms"][tag] = counts
    elif plugin.plugin_name == "hparams":
        content = plugin_data_pb2.HParamsPluginData.FromString(plugin.content)
        for name, value in content.session_start_info.hparams.items():
            read["hparams"][name] = getattr(value, value.WhichOneof("kind"))
print(json.dumps(read))
