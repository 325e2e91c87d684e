export * from './gen/certtasks/rpc/v1/access_pb.js';
