import { err, ok, type Result } from '../base/result.ts';
import type {
  Decider,
  DeskPlace,
  HostName,
  ServiceName,
  TrustDomain,
  VersionName,
} from './types.ts';
import type { YamlFile, YamlNode } from './yaml-file.ts';

const unitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const durationMsMax = 365 * 86_400_000;

export function readDurationMs(
  file: YamlFile,
  node: YamlNode,
  longestMs: number = durationMsMax,
): number | undefined {
  if (node === undefined) return undefined;
  const text = file.text(node, 'a duration such as 600ms, 2s or 1h');
  if (text === undefined) return undefined;
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  const valueMs = Number(match?.[1]) * (unitsMs[match?.[2] ?? ''] ?? Number.NaN);
  if (valueMs >= 1 && valueMs <= longestMs) return Math.round(valueMs);
  file.report('CH1014', node, `"${text}" is not a duration`, {
    expected: 'a positive number with its unit: ms, s, m, h or d',
    help: 'for example 600ms, 2s, 1h',
  });
  return undefined;
}

/** Whole seconds, at least one. */
export function readSeconds(
  file: YamlFile,
  node: YamlNode,
  longestMs?: number,
): number | undefined {
  const valueMs = readDurationMs(file, node, longestMs);
  return valueMs === undefined ? undefined : Math.max(1, Math.floor(valueMs / 1_000));
}

export function readPort(file: YamlFile, node: YamlNode): number | undefined {
  if (node === undefined) return undefined;
  const text = file.text(node, 'a port from 1 to 65535');
  if (text === undefined) return undefined;
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port;
  file.report('CH1015', node, `"${text}" is not a port`, {
    expected: 'a whole number from 1 to 65535',
  });
  return undefined;
}

const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const versionLabel = /^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/;

/** A name that can stand in a host, a SPIFFE ID and a file name. */
export function readLabel(file: YamlFile, node: YamlNode, what: string): string | undefined {
  const text = file.text(node, what);
  if (text === undefined || label.test(text)) return text;
  file.report('CH1013', node, `"${text}" is not a name`, {
    expected: `${what}: small letters, digits and inner hyphens, at most 63`,
  });
  return undefined;
}

export function readServiceName(file: YamlFile, node: YamlNode): ServiceName | undefined {
  return readLabel(file, node, 'the name of a service') as ServiceName | undefined;
}

export function readTrustDomain(file: YamlFile, node: YamlNode): TrustDomain | undefined {
  if (node === undefined) return undefined;
  const text = file.text(node, 'a trust domain');
  if (text === undefined) return undefined;
  if (/^[a-z0-9._-]{1,255}$/.test(text)) return text as TrustDomain;
  file.report('CH1024', node, `"${text}" is no trust domain`, {
    expected: 'small letters, digits, ".", "-" and "_", at most 255; no scheme, port or path',
  });
  return undefined;
}

export function readVersionName(file: YamlFile, node: YamlNode): VersionName | undefined {
  const text = file.text(node, 'the name of a version');
  if (text === undefined || versionLabel.test(text)) return text as VersionName | undefined;
  file.report('CH1013', node, `"${text}" is not the name of a version`, {
    expected: 'small letters, digits and inner hyphens, dots and underscores, at most 63',
  });
  return undefined;
}

const hostName = /^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?$/;

export function parseHostName(text: string): Result<HostName, string> {
  if (hostName.test(text) && !text.includes('..')) return ok(text as HostName);
  return err(`"${text}" is no host name: small letters, digits, inner "-" and ".", at most 63`);
}

export function readHostName(file: YamlFile, node: YamlNode): HostName | undefined {
  const text = file.text(node, 'the name of a host');
  const name = text === undefined ? undefined : parseHostName(text);
  if (name === undefined || name.ok) return name?.value;
  file.report('CH1013', node, name.error, { help: 'take the name that the host shall have' });
  return undefined;
}

/** One word of a fixed set. */
export const deciders: readonly Decider[] = ['proxy', 'desk'];
export const deskPlaces: readonly DeskPlace[] = ['agent', 'pool'];

export function readWord<const Word extends string>(
  file: YamlFile,
  node: YamlNode,
  words: readonly Word[],
): Word | undefined {
  if (node === undefined) return undefined;
  const text = file.text(node, `one of ${words.join(', ')}`);
  if (text === undefined) return undefined;
  const word = words.find((candidate) => candidate === text);
  if (word === undefined) {
    file.report('CH1016', node, `"${text}" is not one of the words that stand here`, {
      expected: `one of ${words.join(', ')}`,
    });
  }
  return word;
}

/** Words of a command line; quotes group, a backslash takes the next character as it is. No expansion of anything. */
export function splitCommand(text: string): readonly string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let index = 0; index < text.length; index += 1) {
    const char = text[index] ?? '';
    if (char === '\\' && quote !== "'") {
      index += 1;
      word = (word ?? '') + (text[index] ?? '');
    } else if (quote !== '') {
      if (char === quote) quote = '';
      else word += char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + char;
    }
  }
  if (quote !== '') return undefined;
  if (word !== undefined) words.push(word);
  return words.length === 0 ? undefined : words;
}
