import { createRegistry, type DescFile, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { file_envoy_service_secret_v3_sds } from '../gen/envoy/service/secret/v3/sds_pb.js';
import { file_spiffe_workload } from '../gen/spiffe/workload_pb.js';
import type { Descriptions } from '../serve/grpc/reflection.ts';

const roots = [file_spiffe_workload, file_envoy_service_secret_v3_sds];

/** What is served on the host-wide socket. Loaded when somebody asks: the agent itself needs no descriptors. */
export function descriptions(): Descriptions {
  const files = new Map<string, DescFile>();
  const add = (file: DescFile): void => {
    if (files.has(file.proto.name)) return;
    files.set(file.proto.name, file);
    file.dependencies.forEach(add);
  };
  roots.forEach(add);
  const registry = createRegistry(...files.values());
  const serialized = (file: DescFile | undefined): Uint8Array | undefined =>
    file === undefined ? undefined : toBinary(FileDescriptorProtoSchema, file.proto);
  return {
    services: roots.flatMap((file) => file.services.map((service) => service.typeName)),
    file: (name) => serialized(files.get(name)),
    fileOf: (symbol) => {
      const owner = registry.get(symbol) ?? registry.get(symbol.replace(/\.[^.]+$/, ''));
      return serialized(owner?.file);
    },
  };
}
