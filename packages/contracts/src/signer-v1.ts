export * from './gen/certtasks/signer/v1/key_service_pb.js';
export * from './gen/certtasks/signer/v1/resources_pb.js';
export * from './gen/certtasks/signer/v1/signing_service_pb.js';
