export * from './gen/certtasks/audit/v1/audit_service_pb.js';
