import type { CallStream } from './call.ts';

/** One RPC, on bytes: `/package.Service/Method`. A handler that throws GrpcError ends the call with that status. */
export type Method =
  | {
      readonly kind: 'unary';
      readonly path: string;
      readonly handle: (request: Uint8Array, call: CallStream) => Promise<Uint8Array> | Uint8Array;
    }
  | {
      readonly kind: 'server-stream';
      readonly path: string;
      /** The call ends with OK when the promise resolves. */
      readonly handle: (request: Uint8Array, call: CallStream) => Promise<void>;
    }
  | {
      readonly kind: 'bidi';
      readonly path: string;
      /** The call ends with OK when the promise resolves. */
      readonly handle: (call: CallStream) => Promise<void>;
    };
