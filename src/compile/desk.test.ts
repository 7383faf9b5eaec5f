import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import {
  CompositeSchema,
  ExecuteFilterActionSchema,
} from '../gen/envoy/extensions/filters/http/composite/v3/composite_pb.js';
import { ExtAuthzSchema } from '../gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js';
import { HttpFilterSchema } from '../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { DeskPlace } from '../model/types.ts';
import { desks } from './desk.ts';
import { authzFilter, nodeLabels } from './names.ts';

describe('the desk at ingress', () => {
  const { configType, disabled } = create(HttpFilterSchema, desks.agent.unlessAllowed);
  const composite =
    configType.case === 'typedConfig' ? anyUnpack(configType.value, CompositeSchema) : undefined;
  const list = composite?.matcher?.matcherType;
  const matchers = list?.case === 'matcherList' ? list.value.matchers : [];

  test('is asked about whatever is not known to be allowed, also where nothing is known', () => {
    assert.equal(disabled, false);
    assert.equal(matchers[1]?.predicate?.matchType.case, 'notMatcher');
  });

  function askingOf(index: number) {
    const onMatch = matchers[index]?.onMatch?.onMatch;
    const action =
      onMatch?.case === 'action' && onMatch.value.typedConfig !== undefined
        ? anyUnpack(onMatch.value.typedConfig, ExecuteFilterActionSchema)
        : undefined;
    assert.equal(action?.filterChainName, '');
    assert.equal(action.samplePercent, undefined);
    assert.equal(action.typedConfig?.name, authzFilter);
    const config = action.typedConfig.typedConfig;
    return config === undefined ? undefined : anyUnpack(config, ExtAuthzSchema);
  }

  test('stands inside the action: Envoy lets through what names a chain that is not there', () => {
    const asking = askingOf(1);
    assert.equal(asking?.failureModeAllow, false);
    assert.equal(asking.statusOnError?.code, 503);
    assert.equal(asking.filterEnabled, undefined);
  });

  test('is not waited for by what a route opens, which says so', () => {
    assert.equal(matchers[0]?.predicate?.matchType.case, 'singlePredicate');
    const opened = askingOf(0);
    assert.equal(opened?.failureModeAllow, true);
    assert.equal(opened.failureModeAllowHeaderAdd, true);
    assert.equal(opened.statPrefix, 'open');
  });

  test('is not waited for by what is allowed and only to be heard', () => {
    assert.equal(matchers.length, 3);
    assert.equal(matchers[2]?.predicate?.matchType.case, 'singlePredicate');
    const hearing = askingOf(2);
    assert.equal(hearing?.failureModeAllow, true);
    assert.equal(hearing.statPrefix, 'hear');
  });
});

describe('what a proxy tells a desk of itself', () => {
  const labelsOf = (place: DeskPlace) => {
    const { configType } = create(HttpFilterSchema, desks[place].whereRouted);
    return configType.case === 'typedConfig'
      ? anyUnpack(configType.value, ExtAuthzSchema)?.bootstrapMetadataLabelsKey
      : undefined;
  };

  test('is which one it is, where its certificate says of which service alone', () => {
    assert.equal(labelsOf('pool'), nodeLabels);
    assert.equal(labelsOf('agent'), '');
  });
});
