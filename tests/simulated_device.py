"""A device without float64, for machines that have none: what the tests of whole runs compute within."""

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten


class DeviceWithoutFloat64(TorchDispatchMode):
    """Within it the CPU stands for an Apple GPU: what `.to(device)` moved is on it, and all that follows from that until
    `.cpu()`; none of it may be float64, nor be read by numpy."""

    def __init__(self):
        super().__init__()
        self.places = {}
        """Whether a storage is on the device; the storages with it, so that no number stands for two of them."""
        self.calls = 0
        """Operations on the device, so that a test sees that there were any."""
        self._functions = _Moves(self)

    def __enter__(self):
        self._functions.__enter__()
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        self._functions.__exit__(*error)

    def put(self, tensor, on_device):
        storage = tensor.untyped_storage()
        self.places[storage._cdata] = on_device, storage

    def has(self, tensor):
        return self.places.get(tensor.untyped_storage()._cdata, (False,))[0]

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        results = function(*args, **(kwargs or {}))
        if any(self.has(tensor) for tensor in _tensors((args, kwargs))):
            self.calls += 1
            for result in _tensors(results):
                assert result.dtype != torch.float64, f"{function} asks the device for float64"
                self.put(result, True)
        return results


class _Moves(TorchFunctionMode):
    """What goes to the device of a `DeviceWithoutFloat64`, and what comes back from it."""

    def __init__(self, device):
        self.device = device

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is torch.Tensor.numpy:
            assert not self.device.has(args[0]), "numpy reads a tensor on the device"
        if function is torch.Tensor.cpu:
            copy = args[0].clone()
            self.device.put(copy, False)
            return copy
        result = function(*args, **kwargs)
        named = (*args[1:2], kwargs.get("device"))
        if function is torch.Tensor.to and any(isinstance(each, torch.device | str) for each in named):
            assert result.dtype != torch.float64, "float64 goes to the device"
            self.device.put(result, True)
        return result


def _tensors(nested):
    return [each for each in tree_flatten(nested)[0] if isinstance(each, torch.Tensor)]
