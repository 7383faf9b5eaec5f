import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  CodeGeneratorRequestSchema,
  CodeGeneratorResponseSchema,
  type FileDescriptorProto,
} from '@bufbuild/protobuf/wkt';
import { embeddedDescriptors } from './descriptors.ts';
import { isRoot } from './roots.ts';

const plugin = 'node_modules/@bufbuild/protoc-gen-es/bin/protoc-gen-es';
const outputBytesMax = 256 * 1024 * 1024;

/** Generated files by their path below src/gen, made from what this Envoy binary says that it speaks. */
export function generate(envoyPath: string): ReadonlyMap<string, string> {
  const files = inOrder(embeddedDescriptors(readFileSync(envoyPath)));
  const request = create(CodeGeneratorRequestSchema, {
    // The runtime library has the well-known types already.
    fileToGenerate: files
      .map((file) => file.name)
      .filter((name) => !name.startsWith('google/protobuf/')),
    protoFile: files,
    parameter: 'target=js+dts,import_extension=js',
  });
  const run = spawnSync(process.execPath, [plugin], {
    input: toBinary(CodeGeneratorRequestSchema, request),
    maxBuffer: outputBytesMax,
  });
  if (run.status !== 0) throw new Error(`protoc-gen-es failed: ${run.stderr.toString('utf8')}`);
  const response = fromBinary(CodeGeneratorResponseSchema, run.stdout);
  if (response.error !== '') throw new Error(`protoc-gen-es failed: ${response.error}`);
  return new Map(response.file.map((file) => [file.name, file.content]));
}

/** The roots and all they import, imported files first, as the plugin wants them. */
function inOrder(found: ReadonlyMap<string, FileDescriptorProto>): FileDescriptorProto[] {
  const ordered: FileDescriptorProto[] = [];
  const seen = new Set<string>();
  const visit = (name: string): void => {
    if (seen.has(name)) return;
    seen.add(name);
    const file = found.get(name);
    if (file === undefined) throw new Error(`"${name}" is imported but not in the binary`);
    file.dependency.forEach(visit);
    ordered.push(file);
  };
  [...found.keys()].filter(isRoot).sort().forEach(visit);
  return ordered;
}
