/** What {@link runProcess} writes to; a pino logger is one. It MUST write before it returns: the process may end next. */
export interface ProcessLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  fatal(fields: object, message: string): void;
}
