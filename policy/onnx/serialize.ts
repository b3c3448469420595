/** Graph -> bytes of an ONNX model. */
import { create, toBinary } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  type AttributeProtoSchema,
  type GraphProtoSchema,
  ModelProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from './generated/onnx_pb.js';
import { type Attribute, type ElementType, Graph, type Initializer, type Value } from './graph.js';

/** Operator set of the standard operators; the newest whose operators onnxruntime implements completely on CPU. */
const OPSET = 21n;
const IR_VERSION = 10n;

const DATA_TYPE: Readonly<Record<ElementType, TensorProto_DataType>> = {
  float32: TensorProto_DataType.FLOAT,
  float16: TensorProto_DataType.FLOAT16,
  int32: TensorProto_DataType.INT32,
  int64: TensorProto_DataType.INT64,
  bool: TensorProto_DataType.BOOL,
};

/** @param external constants whose data is given to the session beside these bytes, under their names */
export function serialize(graph: Graph, external: readonly Initializer[] = []): Uint8Array {
  const model = create(ModelProtoSchema, {
    irVersion: IR_VERSION,
    producerName: 'attnrl',
    opsetImport: [
      { domain: '', version: OPSET },
      { domain: 'com.microsoft', version: 1n },
    ],
    graph: graphProto(graph, 'main', external),
  });
  return toBinary(ModelProtoSchema, model);
}

function graphProto(
  graph: Graph,
  name: string,
  external: readonly Initializer[] = [],
): MessageInitShape<typeof GraphProtoSchema> {
  return {
    name,
    input: graph.inputs.map(valueInfo),
    output: graph.outputs.map(valueInfo),
    initializer: [...graph.initializers.map(tensorProto), ...external.map(externalTensorProto)],
    node: graph.nodes.map((node, i) => ({
      name: `${node.opType}#${i}`,
      opType: node.opType,
      domain: node.domain,
      input: node.inputs.map((value) => value?.name ?? ''),
      output: node.outputs.map((value) => value.name),
      attribute: Object.entries(node.attributes).map(([key, value]) => attributeProto(key, value)),
    })),
  };
}

function valueInfo({ name, type, shape }: Value): MessageInitShape<typeof ValueInfoProtoSchema> {
  const dim = shape.map((d) => ({
    value:
      typeof d === 'number' ? { case: 'dimValue' as const, value: BigInt(d) } : { case: 'dimParam' as const, value: d },
  }));
  return { name, type: { value: { case: 'tensorType', value: { elemType: DATA_TYPE[type], shape: { dim } } } } };
}

function tensorProto({ value, data }: Initializer): MessageInitShape<typeof TensorProtoSchema> {
  return {
    name: value.name,
    dataType: DATA_TYPE[value.type],
    dims: value.shape.map((d) => BigInt(d)),
    rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  };
}

/** A message is at most 2 GiB. */
function externalTensorProto({ value, data }: Initializer): MessageInitShape<typeof TensorProtoSchema> {
  const place = { location: value.name, offset: 0, length: data.byteLength };
  return {
    name: value.name,
    dataType: DATA_TYPE[value.type],
    dims: value.shape.map((d) => BigInt(d)),
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: Object.entries(place).map(([key, entry]) => ({ key, value: String(entry) })),
  };
}

function attributeProto(name: string, value: Attribute): MessageInitShape<typeof AttributeProtoSchema> {
  if (value instanceof Graph) return { name, type: AttributeProto_AttributeType.GRAPH, g: graphProto(value, name) };
  if (typeof value === 'bigint') return { name, type: AttributeProto_AttributeType.INT, i: value };
  if (typeof value === 'number') return { name, type: AttributeProto_AttributeType.FLOAT, f: value };
  if (typeof value === 'string') {
    return { name, type: AttributeProto_AttributeType.STRING, s: new TextEncoder().encode(value) };
  }
  return { name, type: AttributeProto_AttributeType.INTS, ints: value.map(BigInt) };
}
