export * from './gen/certtasks/cert/v1/authority_service_pb.js';
export * from './gen/certtasks/cert/v1/certificate_service_pb.js';
export * from './gen/certtasks/cert/v1/resources_pb.js';
