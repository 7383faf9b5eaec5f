/** Where decisions go by OTLP, as OpenTelemetry's environment variables say it. */
export interface OtlpTarget {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Of who sends them. */
  readonly resource: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

type Env = Readonly<Record<string, string | undefined>>;

const timeoutUnlessSaidMs = 10_000;

/** Undefined: nobody takes logs. Throws where the address is none. */
export function otlpLogsTarget(env: Env): OtlpTarget | undefined {
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return undefined;
  if (env['OTEL_LOGS_EXPORTER'] === 'none') return undefined;
  const url = endpointOf(env);
  if (url === undefined) return undefined;
  const timeoutMs = Number(ofSignal(env, 'TIMEOUT') ?? timeoutUnlessSaidMs);
  const service = env['OTEL_SERVICE_NAME'];
  return {
    url,
    headers: pairs(ofSignal(env, 'HEADERS')),
    resource: {
      'service.name': 'chancery-agent',
      ...pairs(env['OTEL_RESOURCE_ATTRIBUTES']),
      ...(service ? { 'service.name': service } : {}),
    },
    timeoutMs: timeoutMs > 0 ? timeoutMs : timeoutUnlessSaidMs,
  };
}

/** An address for logs counts as it is; to the one for all signals the path of logs is added. */
function endpointOf(env: Env): URL | undefined {
  const own = env['OTEL_EXPORTER_OTLP_LOGS_ENDPOINT'];
  if (own) return new URL(own);
  const all = env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  if (!all) return undefined;
  const url = new URL(all);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/logs`;
  return url;
}

function ofSignal(env: Env, name: string): string | undefined {
  return env[`OTEL_EXPORTER_OTLP_LOGS_${name}`] || env[`OTEL_EXPORTER_OTLP_${name}`] || undefined;
}

/** `a=1,b=2`, with escapes of URLs in the values. */
function pairs(text: string | undefined): Readonly<Record<string, string>> {
  const entries = (text ?? '').split(',').flatMap((pair) => {
    const at = pair.indexOf('=');
    return at < 1
      ? []
      : [[pair.slice(0, at).trim(), unescaped(pair.slice(at + 1).trim())] as const];
  });
  return Object.fromEntries(entries);
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
