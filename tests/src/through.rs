//! What a fabric that lies or fails hands on unchanged to the one that it is put around.
//!
//! Each macro but one stands within an `impl` and writes the methods that the lie is not about.

/// The methods of a fabric that are not its logs, registers and blobs.
macro_rules! fabric_through {
    ($self:ident => $inner:expr) => {
        fn durability(&$self) -> orkestra_runtime::fabric::Durability {
            $inner.durability()
        }

        fn connected(&$self) -> tokio::sync::watch::Receiver<bool> {
            $inner.connected()
        }

        fn messages(&$self) -> std::sync::Arc<dyn orkestra_runtime::fabric::Messages> {
            $inner.messages()
        }

        fn outside(&$self) -> Option<std::sync::Arc<dyn orkestra_runtime::fabric::Messages>> {
            $inner.outside()
        }

        fn prefix(&$self) -> std::sync::Arc<str> {
            $inner.prefix()
        }
    };
}

/// The logs of a fabric that is its own logs.
macro_rules! own_logs {
    ($self:ident) => {
        fn logs(&$self) -> std::sync::Arc<dyn orkestra_runtime::fabric::Logs> {
            std::sync::Arc::new($self.clone())
        }
    };
}

/// The blobs of a fabric, and its end.
macro_rules! blobs_through {
    ($self:ident => $inner:expr) => {
        fn blobs(&$self) -> std::sync::Arc<dyn orkestra_runtime::fabric::Blobs> {
            $inner.blobs()
        }

        fn close(&$self) -> futures::future::BoxFuture<'_, ()> {
            $inner.close()
        }
    };
}

/// Stands outside of an `impl`: a liar is shown with what it lies about.
macro_rules! shown_with {
    ($type:ident, $self:ident => $what:expr) => {
        impl std::fmt::Debug for $type {
            fn fmt(&$self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_tuple(stringify!($type)).field(&$what).finish()
            }
        }
    };
}

/// All methods of logs but `append`.
macro_rules! logs_through {
    ($self:ident => $inner:expr) => {
        fn end(
            &$self,
            log: &orkestra_runtime::fabric::LogName,
        ) -> futures::future::BoxFuture<
            'static,
            orkestra_runtime::Result<orkestra_runtime::fabric::Sequence>,
        > {
            $inner.end(log)
        }

        fn read(
            &$self,
            log: &orkestra_runtime::fabric::LogName,
            from: orkestra_runtime::fabric::Sequence,
            bytes_max: usize,
        ) -> futures::future::BoxFuture<
            'static,
            orkestra_runtime::Result<Vec<orkestra_runtime::fabric::Entry>>,
        > {
            $inner.read(log, from, bytes_max)
        }

        fn follow(
            &$self,
            log: &orkestra_runtime::fabric::LogName,
            from: orkestra_runtime::fabric::Sequence,
        ) -> orkestra_runtime::fabric::Follow {
            $inner.follow(log, from)
        }

        fn begin(
            &$self,
            log: &orkestra_runtime::fabric::LogName,
            first: orkestra_runtime::fabric::Sequence,
        ) -> futures::future::BoxFuture<'static, orkestra_runtime::Result<()>> {
            $inner.begin(log, first)
        }

        fn trim(
            &$self,
            log: &orkestra_runtime::fabric::LogName,
            first: orkestra_runtime::fabric::Sequence,
        ) -> futures::future::BoxFuture<'static, orkestra_runtime::Result<()>> {
            $inner.trim(log, first)
        }
    };
}

/// The methods of registers that neither read one nor set one that is there.
macro_rules! registers_through {
    ($self:ident => $inner:expr) => {
        fn create(
            &$self,
            key: &orkestra_runtime::fabric::Key,
            bytes: bytes::Bytes,
        ) -> futures::future::BoxFuture<
            'static,
            Result<orkestra_runtime::fabric::Revision, orkestra_runtime::fabric::SetError>,
        > {
            $inner.create(key, bytes)
        }

        fn delete(
            &$self,
            key: &orkestra_runtime::fabric::Key,
            revision: orkestra_runtime::fabric::Revision,
        ) -> futures::future::BoxFuture<'static, Result<(), orkestra_runtime::fabric::SetError>> {
            $inner.delete(key, revision)
        }

        fn list(
            &$self,
            prefix: &orkestra_runtime::fabric::Key,
        ) -> futures::future::BoxFuture<
            'static,
            orkestra_runtime::Result<
                Vec<(orkestra_runtime::fabric::Key, orkestra_runtime::fabric::Value)>,
            >,
        > {
            $inner.list(prefix)
        }

        fn watch_under(
            &$self,
            prefix: &orkestra_runtime::fabric::Key,
        ) -> orkestra_runtime::fabric::WatchUnder {
            $inner.watch_under(prefix)
        }
    };
}

pub(crate) use {
    blobs_through, fabric_through, logs_through, own_logs, registers_through, shown_with,
};
