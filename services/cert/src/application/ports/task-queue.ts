/** Makes renewal tasks in task-scheduler. */
export interface TaskQueue {
  /**
   * Makes one task for a certificate, in its project; one that exists already is enough.
   * @throws CertError `scheduler-unavailable`.
   */
  createRenewal(order: { readonly project: string; readonly certificateName: string }): Promise<void>;
  /**
   * Sees to the schedule that looks for due renewals. `other-kept`: there is one with other settings, which is a
   * person's to change; it stays as it is.
   * @throws CertError `scheduler-unavailable`.
   */
  ensureRenewalSchedule(order: { readonly intervalMs: number }): Promise<'ensured' | 'other-kept'>;
}
