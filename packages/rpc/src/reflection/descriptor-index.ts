import { type DescFile, type DescMessage, type DescService, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';

/** The contracts behind some services, by what reflection clients ask for. */
export interface DescriptorIndex {
  /** Full names, sorted. */
  readonly serviceNames: readonly string[];
  fileByName(name: string): readonly Uint8Array[] | undefined;
  /** A service, method, message, field, enum or extension by its full name. */
  fileBySymbol(symbol: string): readonly Uint8Array[] | undefined;
  fileByExtension(typeName: string, number: number): readonly Uint8Array[] | undefined;
  /** Undefined when the message is not known. */
  extensionNumbers(typeName: string): readonly number[] | undefined;
}

/** Indexes the files of the services with all that they import. */
export function descriptorIndex(services: readonly DescService[]): DescriptorIndex {
  const files = new Map<string, DescFile>();
  const symbols = new Map<string, DescFile>();
  const extensions = new Map<string, Map<number, DescFile>>();
  for (const { file } of services) collect(file, files);
  for (const file of files.values()) {
    for (const symbol of symbolsOf(file)) symbols.set(symbol, file);
    for (const extension of allExtensions(file)) {
      const numbers = extensions.get(extension.extendee.typeName) ?? new Map<number, DescFile>();
      extensions.set(extension.extendee.typeName, numbers.set(extension.number, file));
    }
  }
  const messages = new Set([...files.values()].flatMap((file) => allMessages(file).map(({ typeName }) => typeName)));
  const encoded = new Map<DescFile, readonly Uint8Array[]>();
  const withImports = (file: DescFile | undefined): readonly Uint8Array[] | undefined => {
    if (file === undefined) return undefined;
    const known = encoded.get(file);
    if (known !== undefined) return known;
    const needed = new Map<string, DescFile>();
    collect(file, needed);
    const bytes = [...needed.values()].map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
    encoded.set(file, bytes);
    return bytes;
  };
  return {
    serviceNames: [...new Set(services.map(({ typeName }) => typeName))].sort(),
    fileByName: (name) => withImports(files.get(name)),
    fileBySymbol: (symbol) => withImports(symbols.get(symbol)),
    fileByExtension: (typeName, number) => withImports(extensions.get(typeName)?.get(number)),
    extensionNumbers: (typeName) =>
      messages.has(typeName) ? [...(extensions.get(typeName)?.keys() ?? [])].sort((a, b) => a - b) : undefined,
  };
}

/** The file first, then what it imports: clients take the first for the one they asked for. */
function collect(file: DescFile, found: Map<string, DescFile>): void {
  if (found.has(file.proto.name)) return;
  found.set(file.proto.name, file);
  for (const dependency of file.dependencies) collect(dependency, found);
}

function symbolsOf(file: DescFile): string[] {
  return [
    ...file.services.flatMap(({ typeName, methods }) => [
      typeName,
      ...methods.map(({ name }) => `${typeName}.${name}`),
    ]),
    ...allMessages(file).flatMap((message) => [
      message.typeName,
      ...message.fields.map(({ name }) => `${message.typeName}.${name}`),
      ...message.nestedEnums.map(({ typeName }) => typeName),
    ]),
    ...file.enums.map(({ typeName }) => typeName),
    ...allExtensions(file).map(({ typeName }) => typeName),
  ];
}

function allMessages(file: DescFile): DescMessage[] {
  const withNested = (message: DescMessage): DescMessage[] => [message, ...message.nestedMessages.flatMap(withNested)];
  return file.messages.flatMap(withNested);
}

function allExtensions(file: DescFile) {
  return [...file.extensions, ...allMessages(file).flatMap(({ nestedExtensions }) => nestedExtensions)];
}
