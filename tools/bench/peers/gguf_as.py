"""A GGUF file with every matrix in another type: python gguf_as.py SOURCE TARGET F32|Q8_0"""

import sys

from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter
from gguf.quants import dequantize, quantize

WRITERS_OWN = {"general.architecture", "general.file_type"}
FILE_TYPES = {"F32": 0, "Q8_0": 7}


def convert(source, target, type_name):
    reader = GGUFReader(source)
    writer = GGUFWriter(target, reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in WRITERS_OWN:
            continue
        kind, *rest = field.types
        writer.add_key_value(name, field.contents(), kind, sub_type=rest[-1] if rest else None)
    writer.add_key_value("general.file_type", FILE_TYPES[type_name], GGUFValueType.UINT32)
    wanted = GGMLQuantizationType[type_name]

    def stored(tensor):
        """Vectors stay in F32, as in files that llama.cpp writes."""
        values = dequantize(tensor.data, tensor.tensor_type).astype("float32")
        return quantize(values, wanted) if len(tensor.shape) > 1 else values

    # Twice, so that never more than one tensor is held.
    for tensor in reader.tensors:
        kind = wanted if len(tensor.shape) > 1 else GGMLQuantizationType.F32
        data = stored(tensor)
        writer.add_tensor_info(tensor.name, data.shape, data.dtype, data.nbytes, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for tensor in reader.tensors:
        writer.write_tensor_data(stored(tensor))
    writer.close()


convert(*sys.argv[1:])
