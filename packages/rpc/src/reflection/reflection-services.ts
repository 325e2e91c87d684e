import type { DescService } from '@bufbuild/protobuf';
import { ServerReflection, ServerReflectionV1Alpha } from '@cert-tasks/contracts/grpc/reflection';
import { accessPolicy, type ListenerName } from '../authorization/access-policy.ts';
import { RPC_CODE_NUMBERS } from '../errors/rpc-code.ts';
import { type BoundService, bindService } from '../pipeline/bound-service.ts';
import { type DescriptorIndex, descriptorIndex } from './descriptor-index.ts';

/** What both versions of the contract ask. */
type Question =
  | {
      readonly case: 'fileByFilename' | 'fileContainingSymbol' | 'allExtensionNumbersOfType' | 'listServices';
      readonly value: string;
    }
  | {
      readonly case: 'fileContainingExtension';
      readonly value: { readonly containingType: string; readonly extensionNumber: number };
    }
  | { readonly case: undefined; readonly value?: undefined };

/** What both versions of the contract answer. */
type Answer =
  | { readonly case: 'listServicesResponse'; readonly value: { readonly service: { readonly name: string }[] } }
  | { readonly case: 'fileDescriptorResponse'; readonly value: { readonly fileDescriptorProto: Uint8Array[] } }
  | {
      readonly case: 'allExtensionNumbersResponse';
      readonly value: { readonly baseTypeName: string; readonly extensionNumber: number[] };
    }
  | { readonly case: 'errorResponse'; readonly value: { readonly errorCode: number; readonly errorMessage: string } };

/** Options of {@link reflectionServices}. */
export interface ReflectionOptions {
  /** What is to be found beside reflection itself. */
  readonly services: readonly DescService[];
  /** The listener that they are mounted on: a service with no RPC there is not listed. */
  readonly listener: ListenerName;
}

/** Server reflection (grpc.reflection.v1 and v1alpha) over the services of one listener. */
export function reflectionServices({ services, listener }: ReflectionOptions): BoundService[] {
  const served = services.filter(({ methods }) =>
    methods.some((method) => accessPolicy(method).listeners.has(listener)),
  );
  const index = descriptorIndex([...served, ServerReflection, ServerReflectionV1Alpha]);
  return [
    bindService(ServerReflection, {
      async *serverReflectionInfo(_ctx, requests) {
        for await (const request of requests) {
          yield {
            validHost: request.host,
            originalRequest: request,
            messageResponse: answer(index, request.messageRequest),
          };
        }
      },
    }),
    bindService(ServerReflectionV1Alpha, {
      async *serverReflectionInfo(_ctx, requests) {
        for await (const request of requests) {
          yield {
            validHost: request.host,
            originalRequest: request,
            messageResponse: answer(index, request.messageRequest),
          };
        }
      },
    }),
  ];
}

function answer(index: DescriptorIndex, question: Question): Answer {
  switch (question.case) {
    case 'listServices':
      return {
        case: 'listServicesResponse',
        value: { service: index.serviceNames.map((name) => ({ name })) },
      };
    case 'fileByFilename':
      return files(index.fileByName(question.value));
    case 'fileContainingSymbol':
      return files(index.fileBySymbol(question.value));
    case 'fileContainingExtension':
      return files(index.fileByExtension(question.value.containingType, question.value.extensionNumber));
    case 'allExtensionNumbersOfType': {
      const numbers = index.extensionNumbers(question.value);
      if (numbers === undefined) return failure('NOT_FOUND', 'No message of that name is known here.');
      return {
        case: 'allExtensionNumbersResponse',
        value: { baseTypeName: question.value, extensionNumber: [...numbers] },
      };
    }
    default:
      return failure('INVALID_ARGUMENT', 'The request asks for nothing.');
  }
}

function files(found: readonly Uint8Array[] | undefined): Answer {
  if (found === undefined) return failure('NOT_FOUND', 'Nothing of that name is known here.');
  return { case: 'fileDescriptorResponse', value: { fileDescriptorProto: [...found] } };
}

function failure(code: 'NOT_FOUND' | 'INVALID_ARGUMENT', errorMessage: string): Answer {
  return { case: 'errorResponse', value: { errorCode: RPC_CODE_NUMBERS[code], errorMessage } };
}
