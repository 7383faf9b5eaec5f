import { isMap } from 'yaml';
import { runFields } from './fields.ts';
import { readPort, readVersionName, splitCommand } from './scalars.ts';
import type { RunCommand, VersionName } from './types.ts';
import type { Fields, YamlFile, YamlNode } from './yaml-file.ts';

/** `run:` as one command (version v1), or a map of versions to commands. */
export function readRun(file: YamlFile, service: Fields): ReadonlyMap<VersionName, RunCommand> {
  const node = service.get('run');
  if (node === undefined) return new Map();
  if (!isMap(node)) {
    const command = readCommand(file, node, node);
    return new Map(command === undefined ? [] : [['v1' as VersionName, command]]);
  }
  const entries = file.entries(node).flatMap(({ keyNode, value }) => {
    const version = readVersionName(file, keyNode);
    const command = isMap(value) ? readDetailed(file, value) : readCommand(file, value, value);
    return version === undefined || command === undefined ? [] : [[version, command] as const];
  });
  return new Map(entries);
}

function readDetailed(file: YamlFile, node: YamlNode): RunCommand | undefined {
  const fields = file.fields(node, runFields, 'a version of `run`');
  const commandNode = fields?.get('command');
  if (fields === undefined || commandNode === undefined) return undefined;
  const command = readCommand(file, commandNode, node);
  if (command === undefined) return undefined;
  const env = readTexts(file, fields.get('env'));
  return { ...command, env, port: readPort(file, fields.get('port')) };
}

function readCommand(file: YamlFile, node: YamlNode, at: YamlNode): RunCommand | undefined {
  const text = file.text(node, 'a command such as `node apps/payments.ts`');
  if (text === undefined) return undefined;
  const command = splitCommand(text);
  if (command !== undefined) {
    return { at: file.at(at), command, env: new Map(), port: undefined };
  }
  file.report('CH1050', node, 'the command cannot be read', {
    expected: 'a program and its arguments; quotes in pairs',
  });
  return undefined;
}

/** A map of names to texts; its values are taken as they were written. */
export function readTexts(file: YamlFile, node: YamlNode): ReadonlyMap<string, string> {
  if (node === undefined) return new Map();
  if (!isMap(node)) {
    file.wrongType(node, 'names and values');
    return new Map();
  }
  return new Map(
    file.entries(node).flatMap(({ key, value }) => {
      const text = file.text(value, 'a text');
      return text === undefined ? [] : [[key, text] as const];
    }),
  );
}
