/** The administrator's socket, in the data folder. Apart: the launcher's first run needs only this. */
export const ADMIN_SOCKET = "admin.sock";
