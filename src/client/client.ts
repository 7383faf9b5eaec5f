import { ChanceryError } from '../base/error.ts';
import type { paths } from './gen/api.ts';
import { type Call, callJson, callText, followLines, type Transport } from './transport.ts';

/**
 * The operators' API with the paths, parameters, bodies and answers of its OpenAPI document: what is not in it is a
 * type error. Refusals and a control plane that is away are ChanceryErrors.
 */
export interface ApiClient {
  get<Path extends PathsOf<'get', 'application/json'>>(
    path: Path,
    ...input: InputsOf<Operation<Path, 'get'>>
  ): Promise<Content<Operation<Path, 'get'>, 'application/json'>>;
  post<Path extends PathsOf<'post', 'application/json'>>(
    path: Path,
    ...input: InputsOf<Operation<Path, 'post'>>
  ): Promise<Content<Operation<Path, 'post'>, 'application/json'>>;
  text(path: PathsOf<'get', 'text/plain'>): Promise<string>;
  /** Until the stream ends or `signal` aborts. Rejects when it breaks. */
  follow<Path extends PathsOf<'get', 'application/x-ndjson'>>(
    path: Path,
    onLine: (line: Content<Operation<Path, 'get'>, 'application/x-ndjson'>) => void,
    signal: AbortSignal,
  ): Promise<void>;
}

type Method = 'get' | 'post';
type Operation<Path extends keyof paths, M extends Method> = NonNullable<paths[Path][M]>;

/** What an operation answers with 200, of one media type. */
type Content<Op, Media extends string> = Op extends {
  readonly responses: { readonly 200: { readonly content: { readonly [_ in Media]: infer Body } } };
}
  ? Body
  : never;

type PathsOf<M extends Method, Media extends string> = {
  [Path in keyof paths]: [Content<Operation<Path, M>, Media>] extends [never] ? never : Path;
}[keyof paths];

/** Path or query parameters; never, where there are none. */
type Parameters<Op, Place extends 'path' | 'query'> = Op extends {
  readonly parameters: { readonly [_ in Place]?: infer Given };
}
  ? NonNullable<Given>
  : never;

type Body<Op> = Op extends {
  readonly requestBody: { readonly content: { readonly 'application/json': infer Given } };
}
  ? Given
  : never;

/** A field that is there where there is something to give, and may be left out where all of it may. */
type Field<Name extends string, Given> = [Given] extends [never]
  ? unknown
  : Partial<Given> extends Given
    ? { readonly [_ in Name]?: Given }
    : { readonly [_ in Name]: Given };

type Input<Op> = Field<'path', Parameters<Op, 'path'>> &
  Field<'query', Parameters<Op, 'query'>> &
  Field<'body', Body<Op>>;

type InputsOf<Op> = Partial<Input<Op>> extends Input<Op> ? [input?: Input<Op>] : [input: Input<Op>];

/** Works wherever its transport does: the program, a browser, another program. */
export function createClient(transport: Transport): ApiClient {
  const json = (method: Call['method']) => async (path: string, input?: LooseInput) =>
    callJson(transport, callOf(method, path, input ?? {}));
  const client = {
    get: json('GET'),
    post: json('POST'),
    text: async (path: string) => callText(transport, callOf('GET', path, {})),
    follow: async (path: string, onLine: (line: unknown) => void, signal: AbortSignal) =>
      followLines(transport, path, onLine, signal),
  };
  // What comes is what the document says: test/openapi.test.ts holds real answers against it.
  return client as ApiClient;
}

type Value = string | number;

interface LooseInput {
  readonly path?: Readonly<Record<string, Value>>;
  readonly query?: Readonly<Record<string, Value | readonly Value[] | undefined>>;
  readonly body?: unknown;
}

function callOf(method: Call['method'], template: string, { path, query, body }: LooseInput): Call {
  const named = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = String(path?.[name] ?? '');
    // They would be another path, and another call.
    if (['', '.', '..'].includes(value)) throw noName(`${method} ${template}`, value);
    return encodeURIComponent(value);
  });
  const search = new URLSearchParams();
  for (const [name, given] of Object.entries(query ?? {})) {
    for (const value of [given ?? []].flat()) search.append(name, String(value));
  }
  return {
    method,
    path: search.size === 0 ? named : `${named}?${search}`,
    body: body === undefined ? undefined : JSON.stringify(body),
    answer: 'whole',
    signal: undefined,
  };
}

function noName(call: string, value: string): ChanceryError {
  return new ChanceryError({
    code: 'CH5471',
    message: `a parameter of ${call} is not what it takes`,
    expected: 'a name',
    found: JSON.stringify(value),
  });
}
