//! The policy against Erlang/OTP, row by row, and by itself.

mod additions;
mod books;
mod oracle;
mod otp_admin;
mod otp_groups;
mod otp_intensity;
mod otp_restart;
mod otp_significant;
mod otp_stop;
mod overlaps;
mod properties;
mod world;
