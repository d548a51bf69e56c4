# An image of fastgw: compiled, all extras, no compiler, no pip, no root.
#
#   docker build -t fastgw .
#   docker run --read-only --tmpfs /run/fastgw:mode=0700,uid=10001,gid=10001 --cap-drop ALL --security-opt no-new-privileges \
#       -v "$PWD/gateway.yaml:/etc/fastgw/gateway.yaml:ro" -p 8080:8080 fastgw
#
# Pin the base by its digest for builds that can be repeated: --build-arg BASE=python:3.13.9-slim-bookworm@sha256:...
ARG BASE=python:3.13.9-slim-bookworm

FROM ${BASE} AS build
# The release of Debian is pinned by the base; the compiler is in no image that runs.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# What changes seldom comes first: the layers of dependencies are kept while only the code changes.
COPY constraints/build.txt constraints/run.txt constraints/
RUN python -m venv /build \
    && /build/bin/pip install --no-cache-dir --require-hashes -r constraints/build.txt \
    && python -m venv --without-pip /opt/fastgw \
    && /build/bin/pip --python /opt/fastgw/bin/python install --no-cache-dir --require-hashes -r constraints/run.txt
COPY pyproject.toml setup.py README.md LICENSE ./
COPY fastgw fastgw
RUN FASTGW_REQUIRE=1 /build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /build/bin/pip --python /opt/fastgw/bin/python install --no-cache-dir --no-deps /wheels/*.whl \
    && /opt/fastgw/bin/fastgw version

FROM ${BASE}
LABEL org.opencontainers.image.title="fastgw" \
    org.opencontainers.image.description="A reverse proxy for inference services" \
    org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 fastgw \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin fastgw \
    && install -d -o 10001 -g 10001 -m 0700 /run/fastgw /var/lib/fastgw \
    && install -d /etc/fastgw
COPY --from=build /opt/fastgw /opt/fastgw
# The admin socket is made in RUNTIME_DIRECTORY; all else may be read-only.
ENV PATH=/opt/fastgw/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    RUNTIME_DIRECTORY=/run/fastgw
USER 10001:10001
WORKDIR /etc/fastgw
EXPOSE 8080 9901
# TERM drains.  The time that docker stop gives (--time) has to be longer than shutdown.grace.
STOPSIGNAL SIGTERM
# 3: it answers, and a service has no member that can be used.  To start the gateway again would not mend that.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s \
    CMD ["sh", "-c", "fastgw status --socket /run/fastgw/gateway.sock >/dev/null || test $? -eq 3"]
ENTRYPOINT ["fastgw"]
CMD ["run", "-c", "/etc/fastgw/gateway.yaml"]
