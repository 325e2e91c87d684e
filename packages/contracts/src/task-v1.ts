export * from './gen/certtasks/task/v1/resources_pb.js';
export * from './gen/certtasks/task/v1/schedule_service_pb.js';
export * from './gen/certtasks/task/v1/task_service_pb.js';
export * from './gen/certtasks/task/v1/worker_service_pb.js';
