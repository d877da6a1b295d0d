# yolo3 serve in a container; see docs/production.md.
#
#   docker build -t yolo3 .
#   docker build -t yolo3-cuda --build-arg BASE=nvidia/cuda:12.8.1-base-ubuntu24.04 \
#       --build-arg TORCH_INDEX=https://pypi.org/simple .
#   docker run -p 8000:8000 -v "$PWD/runs/bccd:/models/model:ro" yolo3
#
# BASE: any Debian or Ubuntu with Python 3.11 or later. TORCH_INDEX: where pip finds the build of torch.
ARG BASE=debian:bookworm-slim
FROM ${BASE}

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-venv fonts-dejavu-core \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /opt/yolo3 \
    && useradd --create-home --uid 10001 yolo3
ENV PATH=/opt/yolo3/bin:$PATH \
    PYTHONUNBUFFERED=1

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /build
COPY constraints.txt ./
# torch first: it is the largest layer, and changes least. constraints.txt pins every version.
# hadolint ignore=DL3013
RUN pip install --no-cache-dir -c constraints.txt torch --extra-index-url "${TORCH_INDEX}"
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
# hadolint ignore=DL3013
RUN pip install --no-cache-dir -c constraints.txt ".[serve,export,hub]"

USER 10001
WORKDIR /models
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=10s --start-period=2m \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health', timeout=8)"]
ENTRYPOINT ["yolo3", "serve", "--host", "0.0.0.0", "--log", "json"]
CMD ["/models/model"]
