import { err, ok, type Result } from '../base/result.ts';
import { coversPath, meetOfPaths, parsePathPattern } from './path-pattern.ts';
import type { Operation, Protocol } from './types.ts';

const method = /^[A-Z]{1,32}$/;
const grpcService = /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$/;
const grpcMethod = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** What a rule grants when it does not say: all of the service. */
export function everything(protocol: Protocol): Operation {
  switch (protocol) {
    case 'tcp':
      return { kind: 'connect' };
    case 'grpc':
      return { kind: 'grpc', service: '*', method: '*' };
    case 'http':
    case 'http2':
      return { kind: 'http', method: '*', path: { text: '/**', segments: ['**'] } };
  }
}

/** `METHOD PATH` for HTTP, `pkg.Service/Method` for gRPC. The error is a sentence. */
export function parseOperation(text: string, protocol: Protocol): Result<Operation, string> {
  switch (protocol) {
    case 'tcp':
      return err('a tcp service has no requests: leave `to` out');
    case 'grpc':
      return text === '*' ? ok(everything('grpc')) : parseGrpc(text);
    case 'http':
    case 'http2':
      return parseHttp(text);
  }
}

function parseHttp(text: string): Result<Operation, string> {
  const match = /^(\S+) +(\S+)$/.exec(text);
  if (match === null) return err('an operation is a method, a space and a path');
  const [, word = '', path = ''] = match;
  if (word !== '*' && !method.test(word))
    return err(`"${word}" is no method: capital letters, or *`);
  const pattern = parsePathPattern(path);
  return pattern.ok ? ok({ kind: 'http', method: word, path: pattern.value }) : pattern;
}

function parseGrpc(text: string): Result<Operation, string> {
  const [service = '', name = '', ...more] = text.split('/');
  if (more.length > 0 || name === '') return err('a gRPC operation is pkg.Service/Method');
  if (service !== '*' && !grpcService.test(service)) return err(`"${service}" is no gRPC service`);
  if (name !== '*' && !grpcMethod.test(name)) return err(`"${name}" is no gRPC method`);
  return ok({ kind: 'grpc', service, method: name });
}

export function operationText(operation: Operation): string {
  switch (operation.kind) {
    case 'connect':
      return 'connect';
    case 'grpc':
      return `${operation.service}/${operation.method}`;
    case 'http':
      return `${operation.method} ${operation.path.text}`;
  }
}

/** Whether `wide` holds for everything that `narrow` holds for. */
export function coversOperation(wide: Operation, narrow: Operation): boolean {
  if (wide.kind === 'connect' || narrow.kind === 'connect') return wide.kind === narrow.kind;
  if (wide.kind === 'grpc' && narrow.kind === 'grpc') {
    return covers(wide.service, narrow.service) && covers(wide.method, narrow.method);
  }
  if (wide.kind === 'http' && narrow.kind === 'http') {
    return covers(wide.method, narrow.method) && coversPath(wide.path, narrow.path);
  }
  return false;
}

/** What both hold for; undefined: nothing. */
export function meetOfOperations(one: Operation, other: Operation): Operation | undefined {
  if (one.kind === 'connect' || other.kind === 'connect') {
    return one.kind === other.kind ? one : undefined;
  }
  if (one.kind === 'grpc' && other.kind === 'grpc') {
    const [service, name] = [meet(one.service, other.service), meet(one.method, other.method)];
    return service && name ? { kind: 'grpc', service, method: name } : undefined;
  }
  if (one.kind === 'http' && other.kind === 'http') {
    const both = meet(one.method, other.method);
    const path = meetOfPaths(one.path, other.path);
    return both && path ? { kind: 'http', method: both, path } : undefined;
  }
  return undefined;
}

function meet(one: string, other: string): string | undefined {
  if (one === '*' || one === other) return other;
  return other === '*' ? one : undefined;
}

function covers(wide: string, narrow: string): boolean {
  return wide === '*' || wide === narrow;
}
