import ts from 'typescript';

export type Schema = Readonly<Record<string, unknown>>;

/** JSON Schemas of the wire types, as JSON carries them: a field that may be undefined may be left out. */
export class TypeSchemas {
  readonly components: Record<string, Schema> = {};
  readonly #checker: ts.TypeChecker;
  readonly #exports = new Map<string, ts.Type>();

  constructor(files: readonly string[]) {
    const options: ts.CompilerOptions = {
      ...{ strict: true, exactOptionalPropertyTypes: true, noEmit: true },
      allowImportingTsExtensions: true,
      ...{ target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.NodeNext },
      ...{ moduleResolution: ts.ModuleResolutionKind.NodeNext, skipLibCheck: true },
    };
    const program = ts.createProgram([...files], options);
    this.#checker = program.getTypeChecker();
    for (const file of files) this.#read(program.getSourceFile(file), file);
  }

  #read(source: ts.SourceFile | undefined, file: string): void {
    const symbol = source && this.#checker.getSymbolAtLocation(source);
    if (symbol === undefined) throw new Error(`${file} cannot be read`);
    for (const one of this.#checker.getExportsOfModule(symbol)) {
      this.#exports.set(one.name, this.#checker.getDeclaredTypeOfSymbol(one));
    }
  }

  /** A reference to an exported type, which becomes a component. */
  named(name: string): Schema {
    const type = this.#exports.get(name);
    if (type === undefined) throw new Error(`there is no wire type ${name}`);
    return this.#component(name, type);
  }

  #component(name: string, type: ts.Type): Schema {
    if (!Object.hasOwn(this.components, name)) {
      // First, so that a type that holds itself ends.
      this.components[name] = {};
      this.components[name] = this.#plain(type);
    }
    return { $ref: `#/components/schemas/${name}` };
  }

  #of(type: ts.Type): Schema {
    const name = type.aliasSymbol?.name ?? type.symbol?.name;
    return name !== undefined && this.#exports.get(name) === type
      ? this.#component(name, type)
      : this.#plain(type);
  }

  #plain(type: ts.Type): Schema {
    if (type.isUnion()) return this.#union(type);
    if (type.isStringLiteral() || type.isNumberLiteral()) return { const: type.value };
    if (type.flags & ts.TypeFlags.BooleanLiteral) {
      return { const: this.#checker.typeToString(type) === 'true' };
    }
    if (type.flags & ts.TypeFlags.TemplateLiteral) return templateSchema(type);
    if (type.flags & ts.TypeFlags.StringLike) return { type: 'string' };
    if (type.flags & ts.TypeFlags.NumberLike) return { type: 'number' };
    if (type.flags & ts.TypeFlags.Null) return { type: 'null' };
    if (type.flags & (ts.TypeFlags.Unknown | ts.TypeFlags.Any)) return {};
    // A branded text is an intersection of a text and its brand.
    const base = type.isIntersection() ? type.types.find(isPrimitive) : undefined;
    if (base !== undefined) return this.#plain(base);
    return this.#object(type);
  }

  #union(type: ts.UnionType): Schema {
    const parts = type.types.filter((one) => !(one.flags & ts.TypeFlags.Undefined));
    const booleans = parts.filter((one) => one.flags & ts.TypeFlags.BooleanLiteral);
    const others = parts.filter((one) => !(one.flags & ts.TypeFlags.BooleanLiteral));
    const words = others.flatMap((one) => (one.isStringLiteral() ? [one.value] : []));
    const rest = others.filter((one) => !one.isStringLiteral()).map((one) => this.#of(one));
    const [boolean] = booleans;
    const all: Schema[] = [
      ...(words.length === 0 ? [] : [{ enum: words }]),
      ...(boolean === undefined
        ? []
        : [booleans.length === 2 ? { type: 'boolean' } : this.#plain(boolean)]),
      ...rest,
    ];
    const [only] = all;
    return all.length === 1 && only !== undefined ? only : { anyOf: all };
  }

  #object(type: ts.Type): Schema {
    const [item] = this.#checker.getIndexInfosOfType(type).map((info) => info.type);
    if (this.#checker.isArrayLikeType(type)) {
      return { type: 'array', ...(item === undefined ? {} : { items: this.#of(item) }) };
    }
    const properties: Record<string, Schema> = {};
    const required: string[] = [];
    for (const field of this.#checker.getPropertiesOfType(type)) {
      const of = this.#checker.getTypeOfSymbol(field);
      properties[field.name] = this.#of(of);
      if (!mayBeLeftOut(field, of)) required.push(field.name);
    }
    const shape = required.length === 0 ? {} : { required };
    return {
      type: 'object',
      properties,
      ...shape,
      ...(item && { additionalProperties: this.#of(item) }),
    };
  }
}

/** Such as `CH${number}`: codes are the only numbers in texts, and have four digits. */
function templateSchema(type: ts.Type): Schema {
  const { texts } = type as ts.TemplateLiteralType;
  return { type: 'string', pattern: `^${texts.join('\\d{4}')}$` };
}

function isPrimitive(type: ts.Type): boolean {
  return (type.flags & (ts.TypeFlags.StringLike | ts.TypeFlags.NumberLike)) !== 0;
}

function mayBeLeftOut(field: ts.Symbol, type: ts.Type): boolean {
  const isOptional = (field.flags & ts.SymbolFlags.Optional) !== 0;
  const parts = type.isUnion() ? type.types : [type];
  return isOptional || parts.some((one) => (one.flags & ts.TypeFlags.Undefined) !== 0);
}
